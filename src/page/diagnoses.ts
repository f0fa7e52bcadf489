/** What the doctor finds about the pods that wait for an image. It examines a few at a time, in the background. */
import type { Diagnosis, WaitingPod } from '../plan/coverage/needs.ts';
import type { Doctor } from './details.ts';
import type { FindingView } from './messages.ts';

/** A diagnosis gets old: somebody may have fixed the cause. */
const FRESH_MS = 15_000;
/** More pods have no diagnosis: to examine a pod takes about ten requests. */
const MAX_PODS = 20;

interface Known {
  readonly at: number;
  readonly diagnosis: Diagnosis | undefined;
}

/** What the doctor finds about the pods that wait for an image. It examines them one after the other, and remembers what it found. */
export class Diagnoses {
  readonly #doctor: Pick<Doctor, 'pod'>;
  readonly #now: () => number;
  readonly #onNew: () => void;
  readonly #known = new Map<string, Known>();
  readonly #waiting = new Map<string, WaitingPod>();
  #running: Promise<void> | undefined;

  /** `onNew` is called when a diagnosis is there, or is another than before. */
  constructor(doctor: Pick<Doctor, 'pod'>, now: () => number, onNew: () => void) {
    this.#doctor = doctor;
    this.#now = now;
    this.#onNew = onNew;
  }

  /** The last diagnosis of a pod, if there is one. Examines the pod if that is old or missing. */
  readonly of = (pod: WaitingPod): Diagnosis | undefined => {
    const known = this.#known.get(pod.uid);
    const isOld = known === undefined || this.#now() - known.at > FRESH_MS;
    if (isOld && (known || this.#known.size + this.#waiting.size < MAX_PODS)) this.#waiting.set(pod.uid, pod);
    if (this.#waiting.size > 0) this.#running ??= this.#run();
    return known?.diagnosis;
  };

  /** Resolves when every pod that was asked about has been examined. */
  async done(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Not in the middle of an update, which asks about one pod after the other.
    await Promise.resolve();
    for (const [uid, pod] of this.#waiting) {
      const before = this.#known.get(uid)?.diagnosis;
      const finding = await this.#doctor.pod(pod.namespace, pod.name).catch(() => undefined);
      this.#waiting.delete(uid);
      const diagnosis = finding && diagnosisIn(finding);
      this.#known.set(uid, { at: this.#now(), diagnosis });
      if (JSON.stringify(diagnosis) !== JSON.stringify(before)) this.#onNew();
    }
    if (this.#known.size > MAX_PODS) for (const [uid, { at }] of this.#known) if (this.#now() - at > 4 * FRESH_MS) this.#known.delete(uid);
    this.#running = undefined;
  }
}

/** The first wrong step, or else the first that is unknown: later ones usually follow from it. */
function diagnosisIn({ steps }: FindingView): Diagnosis | undefined {
  const step = steps.find(({ mark }) => mark === 'wrong') ?? steps.find(({ mark }) => mark === 'unseen');
  return step && { message: step.message, fix: step.fix };
}

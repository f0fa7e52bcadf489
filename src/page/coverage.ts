/** Everything that the page shows, kept up to date: it works out again only what a change concerns. */
import { credentialId, qualifiedName } from '../api/credential-ref.ts';
import type { CredentialRecord, NamespaceRecord } from '../api/records.ts';
import { type Cell, cellOf, failuresByNamespace } from '../plan/coverage/cell.ts';
import { checkCommand, statusCommand } from '../plan/coverage/fix.ts';
import { type Diagnosis, needsOf, type WaitingPod } from '../plan/coverage/needs.ts';
import { readyOf } from '../plan/coverage/ready.ts';
import { expiryMarks } from '../plan/coverage/timeline.ts';
import { secretNameOf } from '../plan/placement/intent.ts';
import type { FailureRow } from '../plan/status/facts.ts';
import { type Change, CODE_OF, type ConditionView, type CredentialView, type Row, type Snapshot } from './messages.ts';
import type { Listener, Observed } from './observed.ts';

/** One credential, with what a cell needs of it. */
export interface Column {
  readonly credential: CredentialRecord;
  readonly failures: ReadonlyMap<string, FailureRow>;
}

export interface CoverageOptions {
  readonly cluster: Snapshot['cluster'];
  readonly now: () => number;
  readonly diagnosisOf: (pod: WaitingPod) => Diagnosis | undefined;
  /** Called at the first change after an update. */
  readonly onChange: () => void;
}

/** The parts of a snapshot that are sent as a whole when they change. */
type Whole = Pick<Snapshot, 'credentials' | 'needs' | 'marks' | 'notices'>;

/** The length of the timeline. */
export const TIMELINE_MS = 90 * 86_400_000;

/** What the page shows of the observed cluster. It computes only the rows and columns again that a change concerns. */
export class Coverage {
  readonly #options: CoverageOptions;
  #observed: Observed | undefined;
  #columns: readonly Column[] = [];
  readonly #rows = new Map<string, Row>();
  #dirtyRows = new Set<string>();
  #dirtyColumns = new Set<string>();
  /** A credential was added or removed, or a whole kind became known or unknown: every cell may be different. */
  #isAllDirty = true;
  #isDirty = true;
  /** The JSON of the parts that are sent as a whole, to find out whether they have changed. */
  #sent: Readonly<Record<string, string>> = {};

  constructor(options: CoverageOptions) {
    this.#options = options;
  }

  /** What the watches call. */
  readonly listener: Listener = {
    row: (namespace) => {
      this.#dirtyRows.add(namespace);
      this.changed();
    },
    credential: (before, after) => {
      if (before && after) this.#dirtyColumns.add(credentialId(after));
      else this.#isAllDirty = true;
      this.changed();
    },
    state: (isReadDifferent) => {
      if (isReadDifferent) this.#isAllDirty = true;
      this.changed();
    },
  };

  observe(observed: Observed): void {
    this.#observed = observed;
  }

  /** Something changed. */
  changed(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#options.onChange();
  }

  get columns(): readonly Column[] {
    return this.#columns;
  }

  /** Works out what is different since the last update. Returns a snapshot if the credentials are others than before. */
  update(): { readonly snapshot: Snapshot } | { readonly change: Change } {
    this.#isDirty = false;
    const before = this.#columns.map(({ credential }) => credentialId(credential)).join();
    if (this.#isAllDirty || this.#dirtyColumns.size > 0) this.#readColumns();
    const isSame = before === this.#columns.map(({ credential }) => credentialId(credential)).join();
    const changed = this.#isAllDirty || !isSame ? this.#workOutAll() : this.#workOutSome();
    this.#isAllDirty = false;
    this.#dirtyRows = new Set();
    this.#dirtyColumns = new Set();
    const whole = this.#whole();
    const parts = this.#unsent(whole);
    if (!isSame) return { snapshot: this.#snapshot(whole) };
    return { change: { at: this.#options.now(), ...parts, ...changed } };
  }

  /** Everything as of the last update. */
  snapshot(): Snapshot {
    return this.#snapshot(this.#whole());
  }

  /** One cell as of now. */
  cell({ credential, failures }: Column, namespace: NamespaceRecord): Cell {
    const observed = this.#observed as Observed;
    return cellOf({
      credential,
      namespace,
      secret: observed.secretAt(namespace.name, secretNameOf(credential)),
      accounts: observed.accountsIn(namespace.name),
      failure: failures.get(namespace.name),
    });
  }

  #readColumns(): void {
    const credentials = Array.from(this.#observed?.credentials() ?? []);
    credentials.sort((a, b) => (qualifiedName(a) < qualifiedName(b) ? -1 : 1));
    this.#columns = credentials.map((credential) => ({ credential, failures: failuresByNamespace(credential) }));
  }

  #workOutAll(): Pick<Change, 'rows' | 'gone'> {
    const namespaces = Array.from(this.#observed?.namespaces.all() ?? []);
    const names = new Set(namespaces.map(({ name }) => name));
    const gone = [...this.#rows.keys()].filter((name) => !names.has(name));
    for (const name of gone) this.#rows.delete(name);
    return { rows: namespaces.flatMap((namespace) => this.#changedRow(namespace, this.#allCells(namespace), false)), gone };
  }

  #workOutSome(): Pick<Change, 'rows' | 'gone'> {
    const rows: Row[] = [];
    const gone: string[] = [];
    for (const name of this.#dirtyRows) {
      const namespace = this.#observed?.namespaces.get('', name);
      if (namespace) rows.push(...this.#changedRow(namespace, this.#allCells(namespace), true));
      else if (this.#rows.delete(name)) gone.push(name);
    }
    if (this.#dirtyColumns.size > 0) rows.push(...this.#rowsOfDirtyColumns());
    return { ...(rows.length > 0 && { rows }), ...(gone.length > 0 && { gone }) };
  }

  #rowsOfDirtyColumns(): Row[] {
    const dirty = this.#columns.map(({ credential }) => this.#dirtyColumns.has(credentialId(credential)));
    return Array.from(this.#observed?.namespaces.all() ?? []).flatMap((namespace) => {
      if (this.#dirtyRows.has(namespace.name)) return [];
      const before = this.#rows.get(namespace.name)?.cells ?? '';
      const cells = this.#columns.map((column, at) => (dirty[at] ? CODE_OF[this.cell(column, namespace).state] : before[at])).join('');
      return this.#changedRow(namespace, cells, false);
    });
  }

  #allCells(namespace: NamespaceRecord): string {
    let cells = '';
    for (const column of this.#columns) cells += CODE_OF[this.cell(column, namespace).state];
    return cells;
  }

  /** `isTouched`: something in the namespace changed, which may show when it is opened. */
  #changedRow({ name }: NamespaceRecord, cells: string, isTouched: boolean): Row[] {
    const pods = this.#observed?.podsIn(name);
    const row = { name, cells, waiting: pods?.known ? pods.value.length : 0 };
    const before = this.#rows.get(name);
    this.#rows.set(name, row);
    return isTouched || before?.cells !== cells || before.waiting !== row.waiting ? [row] : [];
  }

  /** The parts that are sent as a whole when they change. */
  #whole(): Whole {
    const { now, diagnosisOf } = this.#options;
    const credentials = this.#columns.map(({ credential }) => credential);
    const pods = Array.from(this.#observed?.pods.all() ?? []).filter(({ images }) => images.length > 0);
    return {
      credentials: credentials.map(viewOf),
      needs: needsOf(credentials, pods, diagnosisOf),
      marks: expiryMarks(credentials, now(), TIMELINE_MS),
      notices: this.#observed?.notices() ?? [],
    };
  }

  #unsent(whole: Whole): Partial<Change> {
    const texts = Object.fromEntries(Object.entries(whole).map(([part, value]) => [part, JSON.stringify(value)]));
    const parts = Object.entries(whole).filter(([part]) => texts[part] !== this.#sent[part]);
    this.#sent = texts;
    return Object.fromEntries(parts);
  }

  #snapshot(whole: Whole): Snapshot {
    const { cluster, now } = this.#options;
    return { cluster, at: now(), rows: [...this.#rows.values()], ...whole };
  }
}

function viewOf(credential: CredentialRecord): CredentialView {
  const { kind, namespace, name, status, spec, terminating } = credential;
  const { lastTransitionTime: since, ...ready } = readyOf(credential);
  return {
    kind,
    namespace,
    name,
    title: qualifiedName(credential),
    secretName: secretNameOf(credential),
    statusCommand: statusCommand(credential),
    checkCommand: checkCommand(credential),
    isDeleting: terminating,
    isSuspended: spec.suspend,
    ready: { type: 'Ready', status: ready.status, reason: ready.reason, message: ready.message, since },
    conditions: (status?.conditions ?? []).map(conditionView),
    registries: status?.registries ?? [],
    expiresAt: status?.expiresAt,
    namespaces: status?.namespaces,
    serviceAccounts: status?.serviceAccounts,
    failures: status?.failures ?? [],
    failuresTotal: status?.failuresTotal ?? status?.failures?.length ?? 0,
  };
}

const conditionView = ({
  type,
  status,
  reason,
  message,
  lastTransitionTime,
}: NonNullable<NonNullable<CredentialRecord['status']>['conditions']>[number]): ConditionView => ({
  type,
  status,
  reason,
  message,
  since: lastTransitionTime,
});

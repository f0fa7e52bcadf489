/** The doctor, as the page asks it. */
import type { KubeClient } from '../../kube/client.ts';
import type { Doctor } from '../../page/details.ts';
import type { CommandIo } from '../command-io.ts';
import { ClusterReader } from '../doctor/observe.ts';
import type { Finding } from '../doctor/observed.ts';
import { prepare } from '../doctor/prepare.ts';
import type { Question } from '../doctor/question.ts';

/** Reads everything again for each question. Rejects if there is no such subject, or if the cluster does not answer. */
export function doctorFor(kube: KubeClient, io: Pick<CommandIo, 'env' | 'input' | 'now'>): Doctor {
  const examine = async (question: Question, namespace: string): Promise<Finding[]> => {
    const examinations = await prepare(question, namespace, { reader: new ClusterReader(kube), flags: {}, io });
    return Promise.all(examinations.map((examination) => examination()));
  };
  return {
    pod: async (namespace, name) => (await examine({ kind: 'pod', name }, namespace))[0],
    namespace: (name) => examine({ kind: 'namespace', name }, name),
  };
}

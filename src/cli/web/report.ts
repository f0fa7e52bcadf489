/** `regcred report --html`: the page as one file. */
import type { CommandIo, CommandResult } from '../command-io.ts';
import { EXIT } from '../exit-codes.ts';
import { type ClusterFlags, withCluster } from '../kubeconfig.ts';
import { pageOptions } from './page-options.ts';

export type ReportFlags = ClusterFlags;

/** A cluster that has not answered after this time is not expected to answer. */
const DEADLINE_MS = 120_000;

/** The page as one self-contained HTML file. It reads the cluster for at most two minutes. */
export async function report(flags: ReportFlags, io: CommandIo): Promise<CommandResult> {
  // Loaded on demand: no other command needs it.
  const { builtPage, reportHtml } = await import('../../page/page.ts');
  const output = await withCluster(flags, io, '', async (kube) =>
    reportHtml(await pageOptions(kube, builtPage(), flags, io), AbortSignal.timeout(DEADLINE_MS)),
  );
  return { output, notes: [], exitCode: EXIT.ok };
}

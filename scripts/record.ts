/**
 * `npm run build && npx node scripts/record.ts` writes docs/session.svg for the README: a terminal session on a real control plane, without the waiting times.
 * The lines appear one after another and then stay. With prefers-reduced-motion, all of them appear at once.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { startCluster, stopCluster } from '../test/support/cluster.ts';

const ROOT = resolve(import.meta.dirname, '..');
const COLUMNS = 112;

interface Act {
  /** Commands that run before, and are not shown. */
  readonly first?: string;
  readonly comment?: string;
  readonly typed: string;
}

const rotate = (password: string) =>
  `kubectl patch secret ghcr-robot -n regcred-system -p '{"stringData":{"password":"${password}"}}'; until [ "$(kubectl get regcred acme -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')" = ${password ? 'True' : 'False'} ]; do sleep 0.1; done`;

const STORY: readonly Act[] = [
  {
    first: `for ns in team-a team-b shop; do kubectl create namespace $ns; done
kubectl create secret generic ghcr-robot -n regcred-system --type=kubernetes.io/basic-auth --from-literal=username=robot --from-literal=password=sample-password
cat > acme.yaml <<'END'
apiVersion: regcred.dev/v1alpha1
kind: RegistryCredential
metadata: { name: acme }
spec:
  registries:
    - server: ghcr.io
      secretRef: { namespace: regcred-system, name: ghcr-robot }
  namespaces: { names: ["team-*", shop] }
END`,
    typed: 'kubectl apply -f acme.yaml',
  },
  { first: 'kubectl wait --for=condition=Ready regcred/acme', typed: 'kubectl get regcred' },
  { comment: 'Create a namespace, and a pod in it without imagePullSecrets', typed: 'kubectl create namespace team-new' },
  {
    first: `until kubectl get serviceaccount default -n team-new -o jsonpath='{.imagePullSecrets}' | grep acme; do sleep 0.1; done`,
    typed: 'kubectl run web -n team-new --image=ghcr.io/acme/web:1',
  },
  { typed: "kubectl get pod web -n team-new -o jsonpath='{.spec.imagePullSecrets}'" },
  { first: rotate(''), comment: 'A rotation writes an empty token by mistake', typed: 'kubectl regcred status acme' },
  { first: rotate('sample-password-2'), comment: 'Write the correct token to the source', typed: 'kubectl get regcred' },
];

type Line = { readonly kind: 'comment' | 'typed' | 'said'; readonly text: string };

async function play(): Promise<Line[]> {
  const cluster = await startCluster();
  try {
    const { assets, scratch, kubeconfig } = cluster.controlPlane;
    const plugins = join(scratch, 'plugins');
    mkdirSync(plugins);
    symlinkSync(join(ROOT, 'dist/main.js'), join(plugins, 'kubectl-regcred'));
    const env = { PATH: [plugins, assets, dirname(process.execPath), '/usr/bin', '/bin'].join(':'), KUBECONFIG: kubeconfig, HOME: scratch };
    const lines: Line[] = [];
    for (const { first, comment, typed } of STORY) {
      if (first) await run(first, scratch, env);
      if (comment) lines.push({ kind: 'said', text: '' }, { kind: 'comment', text: `# ${comment}` });
      lines.push({ kind: 'typed', text: typed });
      const said = (await run(typed, scratch, env)).trimEnd().split('\n');
      lines.push(...said.flatMap(folded).map((text) => ({ kind: 'said' as const, text })));
    }
    return lines;
  } finally {
    await stopCluster(cluster);
  }
}

async function run(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn('sh', ['-c', command], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  await new Promise((done, failed) => child.once('error', failed).once('close', done));
  return said;
}

/** Wraps the text at the width of the terminal, between words. */
function folded(line: string): string[] {
  if (line.length <= COLUMNS) return [line];
  const at = line.lastIndexOf(' ', COLUMNS);
  return [line.slice(0, at), ...folded(line.slice(at + 1))];
}

/** The delay before each kind of line in seconds, for typing, program output and reading. */
const PAUSE = { comment: 1.6, typed: 1.2, said: 0.08 };

/** Pure. */
function drawn(lines: readonly Line[]): string {
  const height = 17;
  const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  let seconds = 0;
  const rows = lines.map(({ kind, text }, at) => {
    seconds += PAUSE[kind];
    const prompt = kind === 'typed' ? '<tspan class="p">$ </tspan>' : '';
    return `<text class="${kind}" x="16" y="${44 + at * height}" style="animation-delay:${seconds.toFixed(2)}s">${prompt}${escaped(text)}</text>`;
  });
  const size = [COLUMNS * 7.9 + 32, 44 + lines.length * height].map(Math.ceil);
  return `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 ${size.join(' ')}" role="img">
<title>A terminal session: a RegistryCredential is applied, a new namespace gets the Secret, a source breaks and is fixed</title>
<style>
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d0d7de;animation:come .1s backwards}
.comment{fill:#8b949e}.typed{fill:#fff}.p{fill:#3fb950}
@keyframes come{from{opacity:0}}
@media (prefers-reduced-motion){text{animation:none}}
</style>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<circle cx="20" cy="16" r="5" fill="#f85149"/><circle cx="38" cy="16" r="5" fill="#d29922"/><circle cx="56" cy="16" r="5" fill="#3fb950"/>
${rows.join('\n')}
</svg>
`;
}

writeFileSync(join(ROOT, 'docs/session.svg'), drawn(await play()));

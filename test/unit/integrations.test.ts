/** The files for other people's tools: what they refer to exists. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { commands } from '../../src/cli/commands.ts';
import { anchorsOf } from '../support/markdown.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(resolve(ROOT, file), 'utf8');

interface Plugin {
  readonly shortCut: string;
  readonly description: string;
  readonly scopes: readonly string[];
  readonly command: string;
  readonly args: readonly string[];
  readonly background: boolean;
}

describe('The k9s plugins', () => {
  const plugins = Object.entries((parse(read('contrib/k9s/plugins.yaml')) as { plugins: Record<string, Plugin> }).plugins);
  const io = {
    env: {},
    home: '/',
    program: 'kubectl regcred',
    version: '',
    isTerminal: false,
    input: async () => undefined,
    now: () => new Date(),
    print: () => {},
    say: () => {},
    progress: () => {},
  };
  const known = new Map(commands(io, async () => {}).map((command) => [command.name(), command]));

  for (const [name, { command, args }] of plugins) {
    it(`${name} calls a command that exists, with flags that it has`, () => {
      const [line = ''] = command === 'sh' ? [args[1]] : [[command, ...args].join(' ')];
      const [, called = ''] = /^kubectl regcred (\w+)/.exec(line) ?? [];
      const flags = known.get(called)?.options.map(({ long }) => long);
      expect(flags, line).to.not.equal(undefined);
      expect(flags).to.include.members(Array.from(line.matchAll(/ (--[a-z-]+)/g), ([, flag]) => flag));
    });
  }

  it('give every value of k9s as an argument, never as a part of the text of a shell', () => {
    for (const [name, { command, args }] of plugins.filter(([, plugin]) => plugin.command === 'sh')) {
      expect(args.slice(0, 1), name).to.deep.equal(['-c']);
      expect(args[1], name).to.not.match(/\$[A-Z]/);
      const given = args.slice(3).length;
      const used = Array.from((args[1] ?? '').matchAll(/"[^"]*\$(\d)"/g), ([, at]) => Number(at));
      expect([...new Set(used)], `${name} ${command}`).to.deep.equal(Array.from({ length: given }, (_, at) => at + 1));
    }
  });

  it('have one meaning for each key in each view', () => {
    const keys = plugins.flatMap(([, { shortCut, scopes }]) => scopes.map((scope) => `${scope} ${shortCut}`));
    expect(new Set(keys).size).to.equal(keys.length);
  });
});

describe("Argo CD's deep links", () => {
  interface Link {
    readonly url: string;
    readonly title: string;
    readonly if: string;
  }
  const links = parse(
    (parse(read('manifests/argocd/deep-links.yaml')) as { data: Record<string, string> }).data['resource.links'] ?? '',
  ) as Link[];

  it('lead to a heading and to a dashboard with a variable that exist', () => {
    const [reasons, dashboard] = links.map(({ url }) => url);
    const [, page = '', anchor] = /\/blob\/main\/([^#]+)#(.+)$/.exec(reasons ?? '') ?? [];
    expect(anchorsOf(read(page))).to.include(anchor);
    const { uid, templating } = JSON.parse(read('manifests/components/monitoring/dashboard.json')) as {
      uid: string;
      templating: { list: { name: string }[] };
    };
    const [, linked, variable] = /\/d\/([^?]+)\?var-(\w+)=\{\{\.resource\.metadata\.name\}\}$/.exec(dashboard ?? '') ?? [];
    expect(linked).to.equal(uid);
    expect(templating.list.map(({ name }) => name)).to.include(variable);
  });

  it('are shown on the kinds of this API only', () => {
    for (const link of links)
      expect(link.if).to.contain('RegistryCredential"').and.contain('resource.apiVersion startsWith "regcred.dev/"');
  });
});

describe('The issue templates', () => {
  const DIRECTORY = '.github/ISSUE_TEMPLATE';
  const templates = readdirSync(resolve(ROOT, DIRECTORY)).map((file) => ({ file, template: parse(read(`${DIRECTORY}/${file}`)) }));

  it('are forms with fields of their own ids, as GitHub reads them', () => {
    for (const { file, template } of templates.filter(({ file }) => file !== 'config.yml')) {
      expect(template, file).to.include.keys('name', 'description', 'body');
      const fields = (template.body as { type: string; id?: string; attributes: { label?: string; value?: string } }[]).filter(
        ({ type }) => type !== 'markdown',
      );
      expect(fields.length, file).to.be.above(1);
      expect(new Set(fields.map(({ id }) => id)).size, file).to.equal(fields.length);
      for (const { id, attributes } of fields) expect(attributes.label, `${file} ${id}`).to.be.a('string');
    }
  });

  it('lead to pages of this repository that exist', () => {
    const links = (parse(read(`${DIRECTORY}/config.yml`)) as { contact_links: { url: string }[] }).contact_links;
    const pages = links.flatMap(({ url }) => /\/blob\/main\/(.+)$/.exec(url)?.[1] ?? []);
    expect(pages).to.deep.equal(['docs/troubleshooting.md']);
    for (const page of pages) expect(read(page)).to.match(/^# /);
  });
});

/**
 * What the API server would refuse, told before anything is printed. The same rules, in the same words, as in
 * crds/registrycredentials.yaml; a test holds one to the other.
 */
export interface Rule {
  readonly longest: number;
  /** Each with what it has to be. */
  readonly rules: readonly (readonly [holds: (text: string) => boolean, must: string])[];
}

const like = (pattern: RegExp) => (text: string) => pattern.test(text);
const unlike = (pattern: RegExp) => (text: string) => !pattern.test(text);

export const RULES = {
  server: {
    longest: 512,
    rules: [
      [
        like(/^(https?:\/\/)?([a-z0-9*]([a-z0-9*-]*[a-z0-9*])?([.][a-z0-9*]([a-z0-9*-]*[a-z0-9*])?)*|[[][0-9a-f:]+[\]])(:[0-9]+)?(\/.*)?$/),
        'must be a registry as in image names, host[:port][/path] in lower case, for example ghcr.io or registry.example.com:5000/team',
      ],
      [
        like(/^(https?:\/\/)?[^/]*(\/[a-z0-9][a-z0-9._-]*)*\/?$/),
        'the path must be the beginning of image names, without a tag, *, capitals or empty parts: registry.example.com/team covers registry.example.com/team/app:1.2',
      ],
      [
        unlike(/^(https?:\/\/)?[^/]*:(0[0-9]*|[0-9]{6,}|6553[6-9]|655[4-9][0-9]|65[6-9][0-9]{2}|6[6-9][0-9]{3}|[7-9][0-9]{4})(\/.*)?$/),
        'the port must be a number from 1 to 65535, without zeros before it',
      ],
      [
        (text) => !/^(https?:\/\/)?[a-z0-9*-]+(\/.*)?$/.test(text) || /^(https?:\/\/)?localhost(\/.*)?$/.test(text),
        'the host must have a dot or a port in it, or be localhost: registry/app is an image on Docker Hub (docker.io), and * stands for a part of one label only',
      ],
      [
        unlike(/^(https?:\/\/)?[[][^/]*[\]](\/.*)?$/),
        'an IPv6 address needs its port, here and in the image names, for example [fd00::1]:443: the kubelet does not find it without',
      ],
    ],
  },
  namespace: {
    longest: 63,
    rules: [
      [
        like(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/),
        'must be the name of a namespace: lower case letters, digits and -, beginning and ending with a letter or digit',
      ],
    ],
  },
  namespaceGlob: {
    longest: 63,
    rules: [
      [
        like(/^[a-z0-9*?]([a-z0-9*?-]*[a-z0-9*?])?$/),
        'must be the name of a namespace or a glob over it: lower case letters, digits, -, * and ?',
      ],
    ],
  },
  serviceAccountGlob: {
    longest: 253,
    rules: [
      [
        like(/^[a-z0-9*?]([a-z0-9.*?-]*[a-z0-9*?])?$/),
        'must be the name of a ServiceAccount or a glob over it: lower case letters, digits, -, ., * and ?',
      ],
    ],
  },
  secretName: {
    longest: 253,
    rules: [
      [
        like(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/),
        'must be a valid Secret name: lower case letters, digits, - and ., each part beginning and ending with a letter or digit',
      ],
    ],
  },
} as const satisfies Record<string, Rule>;

/** Which rule the text breaks; undefined where it keeps them all. */
export function broken({ longest, rules }: Rule, text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (text.length > longest) return `must have at most ${longest} characters`;
  return rules.find(([holds]) => !holds(text))?.[1];
}

import type { CompiledRule, CompiledRules, Conditions, Positions } from './compiled-rules.ts';

/** By the text of the conditions: the names that a pod gets under them. */
type Found = Map<string, { readonly conditions: Conditions; readonly secrets: Set<string> }>;
type Entries = Map<string, Found>;

export type IndexName = 'names' | 'prefixes' | 'suffixes' | 'patterns' | 'labels' | 'otherSelectors';

/** The only key of `otherSelectors`, which is a list. */
const ONLY_KEY = '';

/**
 * Collects which names a pod gets under which conditions, by what is known of its namespace. Names under one key with equal conditions become
 * one rule, and equal rules are stored once: ten credentials for all namespaces are one rule, and so are a thousand tenants with one name.
 */
export class RuleIndex {
  readonly #entries: Record<IndexName, Entries> = {
    names: new Map(),
    prefixes: new Map(),
    suffixes: new Map(),
    patterns: new Map(),
    labels: new Map(),
    otherSelectors: new Map(),
  };

  add(index: IndexName, keys: readonly string[], secret: string, conditions: Conditions): void {
    const text = JSON.stringify(conditions);
    for (const key of keys) {
      const found: Found = this.#entries[index].get(key) ?? new Map();
      this.#entries[index].set(key, found);
      const secrets = found.get(text)?.secrets ?? new Set();
      found.set(text, { conditions, secrets: secrets.add(secret) });
    }
  }

  addOtherSelector(secret: string, conditions: Conditions): void {
    this.add('otherSelectors', [ONLY_KEY], secret, conditions);
  }

  /** @param repeats whether two credentials have the same name of a Secret */
  finished(repeats: boolean): CompiledRules {
    const rules: CompiledRule[] = [];
    const positions = new Map<string, number>();
    const positionOf = (rule: CompiledRule) => {
      const text = JSON.stringify(rule);
      const position = positions.get(text) ?? rules.push(rule) - 1;
      positions.set(text, position);
      return position;
    };
    const listed = (index: IndexName) =>
      [...this.#entries[index]].map(([key, found]): [string, number[]] => [
        key,
        [...found.values()].map(({ conditions, secrets }) =>
          positionOf({ imagePullSecrets: [...secrets].sort().map((name) => ({ name })), ...conditions }),
        ),
      ]);
    const positionsBy = (index: IndexName): Positions => Object.fromEntries(listed(index));
    const indexes = {
      names: positionsBy('names'),
      prefixes: positionsBy('prefixes'),
      prefixLengths: lengthsOf(this.#entries.prefixes),
      suffixes: positionsBy('suffixes'),
      suffixLengths: lengthsOf(this.#entries.suffixes),
      patterns: listed('patterns').map(([pattern, rules]) => ({ pattern, rules })),
      labels: positionsBy('labels'),
      otherSelectors: positionsBy('otherSelectors')[ONLY_KEY] ?? [],
    };
    const usesLabels = this.#entries.labels.size + this.#entries.otherSelectors.size > 0;
    return { rules, ...indexes, usesLabels, repeats };
  }
}

const lengthsOf = (entries: Entries) => [...new Set([...entries.keys()].map(({ length }) => length))].sort((a, b) => a - b);

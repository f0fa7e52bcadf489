/** The changes that `npm run test:mutants` makes to a source file, one at a time. */
import { stripTypeScriptTypes } from 'node:module';
import { type Node, parse } from 'acorn';

/** One change of a source file: `with` replaces the text from `start` to `end`. */
export interface Mutation {
  readonly start: number;
  readonly end: number;
  readonly with: string;
  /** The kind of change, in words. */
  readonly what: string;
}

/** An operator, and the one that replaces it. */
const OPERATORS: Readonly<Record<string, string>> = {
  '===': '!==',
  '!==': '===',
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '&&': '||',
  '||': '&&',
  '??': '&&',
};

/** A method, and the one that replaces it: both take the same arguments. */
const METHODS: Readonly<Record<string, string>> = {
  some: 'every',
  every: 'some',
  startsWith: 'endsWith',
  endsWith: 'startsWith',
  min: 'max',
  max: 'min',
  find: 'findLast',
  shift: 'pop',
  add: 'delete',
};

/** A node with whatever its type has: acorn's union has no common shape to walk. */
type AnyNode = Node & Readonly<Record<string, unknown>>;

/** All mutations of a TypeScript source. Types are never changed. The order is that of the text. */
export function mutationsOf(source: string): Mutation[] {
  // Node replaces types by spaces, so each position is the same in the TypeScript source.
  const program = parse(stripTypeScriptTypes(source, { mode: 'strip' }), { ecmaVersion: 'latest', sourceType: 'module' });
  const found: Mutation[] = [];
  walk(program as Node as AnyNode, (node) => void found.push(...mutationsAt(node, source)));
  return found.sort((a, b) => a.start - b.start || a.end - b.end);
}

function walk(node: AnyNode, visit: (node: AnyNode) => void): void {
  // Of the -1 of a comparison function only the sign counts.
  if (node.type === 'UnaryExpression' && node.operator === '-') return;
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child) && !isSign(child, node)) walk(child, visit);
  }
}

/** The 1 of `a < b ? -1 : 1`, of which only the sign counts as well. */
const isSign = (child: AnyNode, { type, consequent, alternate }: AnyNode) =>
  type === 'ConditionalExpression' && child === alternate && child.value === 1 && (consequent as AnyNode).operator === '-';

const isNode = (value: unknown): value is AnyNode => typeof value === 'object' && value !== null && 'type' in value && 'start' in value;

function mutationsAt(node: AnyNode, source: string): Mutation[] {
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
      return operatorAt(node, source);
    case 'IfStatement':
    case 'ConditionalExpression':
    case 'WhileStatement': {
      const { start, end } = node.test as AnyNode;
      return [{ start, end, with: `!(${source.slice(start, end)})`, what: 'negated condition' }];
    }
    case 'UnaryExpression':
      return node.operator === '!' ? [{ start: node.start, end: node.start + 1, with: '', what: 'removed negation' }] : [];
    case 'ExpressionStatement':
    case 'ContinueStatement':
      return [{ start: node.start, end: node.end, with: ';', what: 'removed statement' }];
    case 'Literal':
      return literalAt(node);
    case 'MemberExpression':
      return methodAt(node);
    default:
      return [];
  }
}

/** The operator stands between its two operands. Text is joined with `+`, and a text minus a text is no decision: it stays. */
function operatorAt(node: AnyNode, source: string): Mutation[] {
  const [left, right, operator] = [node.left as AnyNode, node.right as AnyNode, node.operator as string];
  const replacement = OPERATORS[operator];
  const start = source.indexOf(operator, left.end);
  if (replacement === undefined || start < 0 || start >= right.start || [left, right].some(isText)) return [];
  return [{ start, end: start + operator.length, with: replacement, what: `${operator} → ${replacement}` }];
}

const isText = (node: AnyNode) =>
  node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node.value === 'string' && node.value.includes(' '));

function literalAt(node: AnyNode): Mutation[] {
  const { start, end, value } = node;
  if (typeof value === 'boolean') return [{ start, end, with: String(!value), what: 'flipped boolean' }];
  if (typeof value !== 'number') return [];
  // A bound against huge inputs may be one more. It may not be twice as much.
  return value < 10
    ? [{ start, end, with: String(value + 1), what: 'number plus one' }]
    : [{ start, end, with: String(value * 2), what: 'number doubled' }];
}

function methodAt(node: AnyNode): Mutation[] {
  const { start, end, name } = node.property as AnyNode;
  const replacement = node.computed ? undefined : METHODS[name as string];
  return replacement === undefined || !Object.hasOwn(METHODS, name as string)
    ? []
    : [{ start, end, with: replacement, what: `${name} → ${replacement}` }];
}

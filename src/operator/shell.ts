/**
 * The one place that knows how @dot-i/k8s-operator is packed: CommonJS, so that from an ES module its class is the
 * default of the default. Of the class only the shell is used (docs/adr/0001-operator-shell.md).
 */
import shell from '@dot-i/k8s-operator';

export const Operator = shell.default;

/**
 * Whether resourceVersion `a` is later than `b`, for objects of the same kind. Clients may compare resourceVersions as whole numbers of any
 * length: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
export const newer = (a: string, b: string) => a.length > b.length || (a.length === b.length && a > b);

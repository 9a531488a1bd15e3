/** Programs as npm has them. */
export const nodeLines: readonly string[]
export function nodeBinary(target: string, line: string): string
export function fetchPackage(spec: string): string

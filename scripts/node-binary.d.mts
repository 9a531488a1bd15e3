/** Programs as npm has them. */
export function nodeLines(target: string): readonly string[]
export function nodeBinary(target: string, line: string): string
export function fetchPackage(spec: string): string

/** Why an ONNX model is not read: errors without the path of the file, which the reader adds. */

/** A problem of a model; the reader makes `ERR_FILE_FORMAT` of it. */
export class Problem extends Error {}

export function problem(text: string): never {
  throw new Problem(text)
}

/** Where a value comes from, for messages and for names of layers. */
export interface Origin {
  readonly name: string
  readonly operator: string
  readonly domain: string
  /** The version of the domain's operators that the model uses. */
  readonly opset: number
}

/** The problem of a node, with its name, operator, domain and opset. */
export function nodeProblem({ name, operator, domain, opset }: Origin, text: string): Problem {
  const from = domain === '' ? `opset ${opset}` : `${domain}, opset ${opset}`
  return new Problem(`node '${shortName(name)}' (${shortName(operator)}; ${from}): ${text}`)
}

export const shortName = (name: string) => (name.length > 80 ? `${name.slice(0, 80)}…` : name)

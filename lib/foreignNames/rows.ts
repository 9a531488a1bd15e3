/** Rows of the tables of names of others. */

/** Names, with spaces between, and what is said of them. The first row that has a name counts. */
export type Rows = readonly (readonly [names: string, answer: string])[]

/** The name is another here. */
export const is = (name: string): string => `here it is ${name}`

/** There is nothing of the kind, and why, or what does it. */
export const no = (reason: string): string => `it is not here: ${reason}`

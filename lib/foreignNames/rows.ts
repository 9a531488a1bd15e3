/** Rows of the tables of names in other frameworks. */

/** Names, separated by spaces, and the answer to them. The first row with a name counts. */
export type Rows = readonly (readonly [names: string, answer: string])[]

/** The answer to a name that Neurode spells differently. */
export const is = (name: string): string => `in Neurode it is ${name}`

/** The answer to a name that Neurode has nothing for, with the reason or an alternative. */
export const no = (reason: string): string => `Neurode does not have it: ${reason}`

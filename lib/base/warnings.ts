/** The one way to warn of what is likely a mistake and no error, and the table of the codes. */

/** Every code that a warning of Neurode can have, with what it means. */
export const warningCodes = {
  NEURODE_OUTPUT_RANGE: 'a metric with thresholds met outputs that are no probabilities',
  NEURODE_TARGET_RANGE: 'targets lie outside of the range that the loss is made for',
  NEURODE_CONSTANT_OUTPUT: 'a layer gives the same output for any input',
  NEURODE_LOSS_OUTPUT: 'the last layer gives outputs that the loss is not made for',
  NEURODE_ARGMAX_ACCURACY: 'an accuracy asks which output is the largest where each answers for itself',
  NEURODE_NOT_ADAPTED: 'a normalization was never adapted to data',
  NEURODE_NOT_FINITE: 'data or the loss are NaN or infinite',
  NEURODE_DATA_ENDED: 'the batches of an iterator ended before training or validation did',
  NEURODE_ROUNDED: 'numbers of a file were rounded so far that different ones may have become the same',
} as const

/** A stable, documented code of a warning, by which `process.on('warning', …)` and `--disable-warning` know it. */
export type WarningCode = keyof typeof warningCodes

/** Warns through `process.emitWarning`, as a `NeurodeWarning`. */
export function warn(code: WarningCode, message: string): void {
  process.emitWarning(message, { type: 'NeurodeWarning', code })
}

/** Warnings of what is probably a mistake but not an error, and the table of their codes. */

/** Every code that a warning of Neurode can have, with what it means. */
export const warningCodes = {
  NEURODE_OUTPUT_RANGE: 'a metric with thresholds got outputs that are not probabilities',
  NEURODE_TARGET_RANGE: 'targets lie outside the range that the loss expects',
  NEURODE_CONSTANT_OUTPUT: 'a layer gives the same output for any input',
  NEURODE_LOSS_OUTPUT: 'the last layer gives outputs that the loss does not expect',
  NEURODE_ARGMAX_ACCURACY: 'an accuracy compares the largest output where each output is a label of its own',
  NEURODE_NOT_ADAPTED: 'a normalization was never adapted to data',
  NEURODE_NOT_FINITE: 'data or the loss are NaN or infinite',
  NEURODE_DATA_ENDED: 'the batches of an iterator ended before training or validation did',
  NEURODE_NOT_READ: 'a file of other software holds something that the model made of it does not',
  NEURODE_ROUNDED: 'numbers of a file were rounded so much that different numbers may have become equal',
  NEURODE_LEFT_OUT: 'a callback left out of its files what their format cannot hold',
  NEURODE_FEW_ROWS:
    'a class has no rows, which a score or a curve needs, or fewer rows than there are folds, or than can be learned from',
  NEURODE_ROWS_LEFT_OUT: 'rows of a table were left out, as their target is a gap',
  NEURODE_COLUMN_NAMES: 'columns of a table have no names, so that names were made up',
  NEURODE_NOT_DISTRIBUTED: 'a launcher started several processes, and each of them trains a model of its own',
} as const

/** A stable, documented code of a warning, for `process.on('warning', …)` and `--disable-warning`. */
export type WarningCode = keyof typeof warningCodes

/** Emits a warning of the type `NeurodeWarning` through `process.emitWarning`. */
export function warn(code: WarningCode, message: string): void {
  process.emitWarning(message, { type: 'NeurodeWarning', code })
}

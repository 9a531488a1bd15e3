/** The one error class of Neurode and the table of its codes. */

/** Every code a {@link NeurodeError} can carry, with what it means. */
export const errorCodes = {
  ERR_ARGUMENT: 'an argument has the wrong type or a value outside its range',
  ERR_UNKNOWN_NAME: 'no layer, activation, loss, metric, optimizer or option has that name',
  ERR_SHAPE: 'an array does not have the shape that was expected',
  ERR_DTYPE: 'an array does not have an element type that was expected',
  ERR_LABEL_RANGE: 'a class index is negative or not below the number of classes',
  ERR_NOT_BUILT: 'the model has no weights yet: its input shape is not known; or a layer was not adapted to data',
  ERR_NOT_COMPILED: 'the model was not compiled with a loss and an optimizer',
  ERR_MODEL_BUSY: 'the model is training or predicting already',
  ERR_DISPOSED: 'the model was disposed, or the rows of a file were closed',
  ERR_ABORTED: 'an AbortSignal stopped the work',
  ERR_QUEUE_FULL: 'the queue of requests is full',
  ERR_TIMEOUT: 'the work took longer than its time limit',
  ERR_REQUEST: 'a request does not follow its protocol',
  ERR_DEVICE_UNAVAILABLE: 'the device asked for is not there',
  ERR_DEVICE_LOST: 'the device failed while it was computing',
  ERR_DISTRIBUTED: 'the ranks of a distributed training do not agree, or cannot reach each other',
  ERR_OUT_OF_MEMORY: 'the device has too little free memory',
  ERR_DATA_DETACHED: "an array's memory was transferred away or shrunk before it was read or written",
  ERR_FILE_FORMAT: 'a file is damaged or not in the format that was expected',
  ERR_CHECKPOINT_MISMATCH: 'a checkpoint is intact but belongs to another model or training',
  ERR_FILE_NOT_FOUND: 'a file is not there',
  ERR_FILE_WRITE: 'a file could not be written',
  ERR_DOWNLOAD: 'no mirror answered with the file that was expected',
  ERR_PACKAGE_MISSING: 'an optional package that this needs is not installed',
  ERR_NATIVE_LOAD: 'the native addon could not be loaded',
  ERR_INTERNAL: 'a defect in Neurode itself',
} as const

/** Messages are cut to this length, as they may quote long texts of files and requests. */
const longestMessage = 2000

/** A stable, documented error code. */
export type ErrorCode = keyof typeof errorCodes

/**
 * The error that every function of Neurode throws or rejects with. Match on {@link NeurodeError.code}; the message names
 * the argument, what was expected and what was given.
 *
 * @example
 * ```ts
 * try {
 *   await model.fit(x, y)
 * } catch (error) {
 *   if (error instanceof NeurodeError && error.code === 'ERR_SHAPE') console.error(error.message)
 *   else throw error
 * }
 * ```
 */
export class NeurodeError extends Error {
  override readonly name = 'NeurodeError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message, options)
    this.code = code
  }
}

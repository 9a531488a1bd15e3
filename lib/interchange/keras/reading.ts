/** What all readers of Keras' configs share: where they read, what they note, and how they read objects that Keras serialized. */

import { NeurodeError } from '../../base/errors.js'
import { describe, normalize, readingFile, shorten } from '../../checks/validate.js'
import { damaged } from '../../files/files.js'
import { answerFor } from '../../foreignNames/answers.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import type { Era } from './types.js'

/** One reading of a config. */
export class Reading {
  readonly where: string
  readonly era: Era
  readonly notes = new Set<string>()

  constructor(where: string, era: Era) {
    this.where = where
    this.era = era
  }

  /** Throws `ERR_FILE_FORMAT`, which names the file. */
  fail(problem: string): never {
    throw damaged(this.where, problem)
  }

  /** Throws `ERR_FILE_FORMAT` for a value of another kind than expected. */
  refuse(at: string, expected: string, got: unknown): never {
    return this.fail(`${at}: expected ${expected}, got ${describe(got)}`)
  }

  /** Throws `ERR_FILE_FORMAT` for something that Keras has and Neurode has not, with what to do instead where that is known. */
  unknown(at: string, what: string, name: string): never {
    const answer = answerFor('layers', normalize(name))
    return this.fail(`${at}: ${what} '${shorten(name)}' cannot be read${answer === undefined ? '' : `; ${answer}`}`)
  }

  /** Runs code that checks values of the config, and turns its errors into `ERR_FILE_FORMAT`. */
  checked<T>(at: string, work: () => T): T {
    try {
      return readingFile(work)
    } catch (error) {
      if (error instanceof NeurodeError && error.code !== 'ERR_FILE_FORMAT') {
        const { message } = error
        throw damaged(this.where, message.startsWith(at) ? message : `${at}: ${message}`, error)
      }
      throw error
    }
  }

  object(value: Json | undefined, at: string): JsonObject {
    return isObject(value) ? value : this.refuse(at, 'an object', value)
  }

  list(value: Json | undefined, at: string): readonly Json[] {
    return Array.isArray(value) ? value : this.refuse(at, 'a list', value)
  }

  name(value: Json | undefined, at: string): string {
    return typeof value === 'string' && value !== '' && value.length <= longestName && !value.startsWith('#')
      ? value
      : this.refuse(at, `a name of up to ${longestName} characters that does not begin with '#'`, value)
  }

  /** Reads an object that Keras serialized. Classes of other modules than Keras' own are refused by name. */
  serialized(value: Json | undefined, at: string): Serialized {
    const { class_name: className, module, registered_name: registered, config } = this.object(value, at)
    if (typeof className !== 'string') return this.refuse(`${at}: class_name`, 'a text', className)
    const isOwn = module === undefined || module === null || (typeof module === 'string' && kerasModule.test(module))
    const isFunction = className === 'function' && module === 'builtins'
    if (!isOwn && !isFunction) {
      return this.fail(`${at}: '${shorten(className)}' of ${describe(module)} is not a class of Keras, and is not run`)
    }
    const isPlain =
      registered === undefined || registered === null || registered === className || className === 'function'
    const custom = isPlain && !className.includes('>') ? undefined : (registered ?? className)
    if (custom !== undefined) {
      return this.fail(`${at}: ${describe(custom)} is a class of its author's own, and is not run`)
    }
    return { className, module: module ?? undefined, config }
  }
}

/** Configs of real models are far less deep; code that follows them may then be recursive. */
const deepest = 256

/** Whether objects and lists lie within each other more deeply than real configs do. */
export function isTooDeep(value: Json): boolean {
  let level: Json[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) return true
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? (Object.values(each) as Json[]) : []))
  }
  return false
}

const longestName = 1000

/** Modules of Keras in all its packages, without those of operations. */
const kerasModule = /^(?:tensorflow\.(?:python\.)?)?(?:keras|tf_keras|keras_core)(?:\.(?!src\.ops\b|ops\b)|$)/

/** An object that Keras serialized. */
export interface Serialized {
  readonly className: string
  readonly module: Json | undefined
  readonly config: Json | undefined
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `targetShape` for `target_shape`. */
export function toCamel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** `target_shape` for `targetShape`. */
export function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Whether two values of JSON are the same, keys in the same order. */
export function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

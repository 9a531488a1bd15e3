/** Calls of every public function with valid arguments. */

import type { PublicCall } from './calls/call.js'
import { evaluationCalls } from './calls/evaluation.js'
import { factoryCalls } from './calls/factories.js'
import { fileCalls } from './calls/files.js'
import { modelCalls } from './calls/models.js'
import { outputCalls } from './calls/outputs.js'
import { preprocessingCalls } from './calls/preprocessing.js'
import { searchCalls } from './calls/search.js'
import { servingCalls } from './calls/serving.js'
import { tableCalls } from './calls/tables.js'
import { tabularCalls } from './calls/tabular.js'

export type { PublicCall }

export const publicCalls: readonly PublicCall[] = [
  ...factoryCalls,
  ...modelCalls,
  ...outputCalls,
  ...fileCalls,
  ...evaluationCalls,
  ...preprocessingCalls,
  ...searchCalls,
  ...servingCalls,
  ...tableCalls,
  ...tabularCalls,
]

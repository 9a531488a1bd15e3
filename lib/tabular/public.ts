/** What models of tables export. */

export {
  type BinsFeatureOptions,
  type CategoryFeatureOptions,
  type CodeOptions,
  type Feature,
  type FeatureCross,
  type FeatureKind,
  type FeatureSettings,
  feature,
  type HashFeatureOptions,
  type NumberFeatureOptions,
  type TextFeatureOptions,
} from './feature.js'
export type { FeaturePart } from './featureGraph.js'
export {
  type FeatureData,
  type FeatureRows,
  FeatureSpace,
  type FeatureSpaceOptions,
  featureSpace,
} from './featureSpace.js'
export type { LearnedFeature } from './learned.js'
export { load } from './load.js'
export type { ColumnRecord } from './rows.js'
export { type TabularOptions, tabular } from './tabular.js'
export type {
  ClassAnswer,
  ClassEvaluation,
  NumberAnswer,
  NumberEvaluation,
  TableLabel,
  TableStream,
  TabularAnswer,
  TabularColumn,
  TabularEarlyStopping,
  TabularFitOptions,
  TabularModel,
  TabularReport,
} from './types.js'

/** The public names of Neurode. @module neurode */

export {
  type ArrayInput,
  type ArrayOptions,
  array,
  type NdArray,
  type NestedArray,
  type NestedNumbers,
  type NumericArray,
} from './arrays/arrays.js'
export { type ErrorCode, errorCodes, NeurodeError } from './base/errors.js'
export { type WarningCode, warningCodes } from './base/warnings.js'
export type { BackupAndRestoreOptions, ModelCheckpointOptions } from './callbacks/checkpoints.js'
export type { UpdateFrequency } from './callbacks/frequency.js'
export {
  type CsvLoggerOptions,
  callbacks,
  type Dashboard,
  type DashboardOptions,
  type EarlyStopping,
  type EarlyStoppingOptions,
  type EpochSchedule,
  type TensorBoardOptions,
} from './callbacks/index.js'
export type { ReduceLROnPlateauOptions } from './callbacks/learningRate.js'
export type { MonitorMode, MonitorOptions } from './callbacks/monitor.js'
export { type DeviceName, devices } from './core/devices.js'
export type { ModelLayer } from './core/modelLayer.js'
export type { ForOutputs, SampleWeights, Targets } from './core/outputTypes.js'
export type { ClassWeight, WeightOptions } from './core/rowWeights.js'
export type { Batch, Batches, BatchOf, BatchSource } from './data/batches.js'
export {
  type Dataset,
  type DatasetPart,
  type DownloadProgress,
  datasets,
  type MnistOptions,
  type SyntheticDigitsOptions,
} from './data/datasets.js'
export type { DataInput } from './data/rowSource.js'
export { openIdx, openNpy, type RowSource } from './data/rowSource.js'
export { type CheckGradientsOptions, debug, type GradientReport } from './debug.js'
export type { DataOfRanks, DataParallel, DataParallelOptions } from './distribution/dataParallel.js'
export { distribution } from './distribution/index.js'
export type { Cluster } from './distribution/ranks.js'
export { type CalibrationCurve, type CalibrationOptions, calibrationCurve } from './evaluation/calibration.js'
export {
  type ClassificationOptions,
  type ClassificationReport,
  type ClassScores,
  type ConfusionMatrix,
  type ConfusionOptions,
  classificationReport,
  confusionMatrix,
} from './evaluation/confusion.js'
export { type KFoldOptions, kFold, type TimeSeriesOptions, timeSeriesSplit } from './evaluation/folds.js'
export type { Label, LabelInput } from './evaluation/given.js'
export {
  brierScore,
  logLoss,
  type ProbabilityOptions,
  type TopKOptions,
  topKAccuracy,
} from './evaluation/probabilities.js'
export {
  type PrecisionRecallCurve,
  precisionRecallCurve,
  type RankingOptions,
  type RocCurve,
  rocCurve,
} from './evaluation/ranking.js'
export { type RegressionOptions, type RegressionReport, regressionReport } from './evaluation/regression.js'
export { type RowCount, takeRows } from './evaluation/rows.js'
export {
  averagePrecision,
  type RocAucOptions,
  rocAuc,
  type ScoreAverage,
  type ScoreOptions,
} from './evaluation/scores.js'
export { type Split, type TrainTestOptions, trainTestSplit } from './evaluation/trainTest.js'
export { type ClassWeightsOptions, classWeights, sampleWeights } from './evaluation/weights.js'
export { type Windows, type WindowsOptions, windows } from './evaluation/windows.js'
export type { EvaluateOptions } from './fit/evaluate.js'
export type {
  BaseFitOptions,
  FitOptions,
  FitResult,
  SeveralInputs,
  ValidationData,
  ValidationSource,
} from './fit/fitOptions.js'
export type { BinaryConfusion, PerClass } from './fit/perClass.js'
export type { PredictOptions, PredictStreamOptions, PredictSyncOptions } from './fit/predict.js'
export type { Progress, ProgressStream, Verbose } from './fit/progress.js'
export { type CsvTable, type ReadCsvOptions, readCsv } from './formats/csv.js'
export type { CsvNumbersOptions } from './formats/csvNumbers.js'
export type { DType } from './formats/dtypes.js'
export { readEvents } from './formats/events/readEvents.js'
export type {
  EventPlace,
  Events,
  HistogramBucket,
  HistogramEvent,
  HyperParameter,
  ImageEvent,
  OtherEvent,
  ScalarEvent,
  TextEvent,
} from './formats/events/types.js'
export { type ReadIdxOptions, readIdx } from './formats/idx.js'
export { encodeNpy, type FileArray, readNpy, type WriteNpyOptions, writeNpy } from './formats/npy.js'
export { type NpzArrays, type ReadNpzOptions, readNpz, type WriteNpzOptions, writeNpz } from './formats/npz.js'
export {
  readSafetensors,
  type Safetensors,
  type WriteSafetensorsOptions,
  writeSafetensors,
} from './formats/safetensors.js'
export type { ParameterCheck } from './gradients/compare.js'
export type { BackwardOptions, ValueAndGradientsOptions } from './gradients/compute.js'
export type { Gradients } from './gradients/gradients.js'
export type { GradientsOut } from './gradients/out.js'
export type { AppliedGradients, ApplyGradientsOptions } from './gradients/steps.js'
export type { TableImportanceOptions } from './importance/ofTable.js'
export {
  type ArrayImportanceOptions,
  permutationImportance,
  type RowPredictor,
} from './importance/permutation.js'
export type { ColumnImportance, PermutationImportance, ShufflingOptions } from './importance/shuffled.js'
export type {
  PredictInput,
  PredictInputs,
  PredictIntoOptions,
  Predictor,
  PredictorOptions,
} from './inference/predictor.js'
export type { OnnxOptions, SaveOptions, SaveResult } from './interchange/saving.js'
export {
  ActivationLayer,
  type ActivationLayerOptions,
  ELU,
  type ELUOptions,
  LeakyReLU,
  type LeakyReLUOptions,
  ReLU,
  type ReLUOptions,
  Softmax,
  type SoftmaxOptions,
} from './layers/activationLayers.js'
export {
  type Activation,
  type ActivationName,
  activations,
  type ReluOptions,
} from './layers/activations.js'
export { ActivityRegularization, type ActivityRegularizationOptions } from './layers/activityRegularization.js'
export type { Axis } from './layers/axes.js'
export { BatchNormalization, type BatchNormalizationOptions } from './layers/batchNormalization.js'
export { type CategoryCallOptions, CategoryEncoding, type CategoryEncodingOptions } from './layers/categoryEncoding.js'
export {
  type Constraint,
  type ConstraintName,
  constraints,
  type MaxNormOptions,
  type MinMaxNormOptions,
  type NormOptions,
} from './layers/constraints.js'
export { Dense, type DenseOptions } from './layers/dense.js'
export { type Embedded, Embedding, type EmbeddingOptions } from './layers/embedding.js'
export { type BagMode, EmbeddingBag, type EmbeddingBagOptions } from './layers/embeddingBag.js'
export { layers } from './layers/index.js'
export {
  type Distribution,
  type FanMode,
  type Initializer,
  type InitializerName,
  initializers,
  type NormalOptions,
  type SeedOption,
  type VarianceScalingOptions,
} from './layers/initializers.js'
export { Normalization, type NormalizationOptions } from './layers/inputNormalization.js'
export { type InputTensorOptions, input } from './layers/inputTensor.js'
export {
  type LastAxis,
  Layer,
  type LayerOptions,
  type ParameterSpec,
  type PlanContext,
  type Shape,
  type SymbolicTensor,
  type TypesOf,
  type Weight,
} from './layers/layer.js'
export {
  Add,
  Average,
  Concatenate,
  type ConcatenateOptions,
  Dot,
  type DotOptions,
  type Joined,
  Maximum,
  type Merge,
  type Merged,
  type MergeOptions,
  Minimum,
  Multiply,
  type OfOneShape,
  Subtract,
} from './layers/merging.js'
export {
  AlphaDropout,
  type AlphaDropoutOptions,
  Dropout,
  type DropoutOptions,
  GaussianDropout,
  type GaussianDropoutOptions,
  GaussianNoise,
  type GaussianNoiseOptions,
} from './layers/noise.js'
export {
  GroupNormalization,
  type GroupNormalizationOptions,
  LayerNormalization,
  type LayerNormalizationOptions,
  RMSNormalization,
  type RMSNormalizationOptions,
  UnitNormalization,
  type UnitNormalizationOptions,
} from './layers/normalization.js'
export { GlobalAveragePooling1D, GlobalMaxPooling1D, type GlobalPoolingOptions } from './layers/pooling.js'
export { PReLU, type PReLUOptions } from './layers/prelu.js'
export { Permute, type PermuteOptions, RepeatVector, type RepeatVectorOptions } from './layers/rearranging.js'
export {
  type OrthogonalMode,
  type OrthogonalOptions,
  type Regularizer,
  type RegularizerName,
  regularizers,
} from './layers/regularizers.js'
export { Rescaling, type RescalingOptions } from './layers/rescaling.js'
export type { ScaleAndCenterOptions } from './layers/scalingLayer.js'
export {
  Flatten,
  Identity,
  Input,
  type InputOptions,
  Reshape,
  type Reshaped,
  type ReshapeOptions,
} from './layers/shaping.js'
export { Slice, type SliceOptions, Take, type TakeOptions } from './layers/slice.js'
export type { Applied, InputType, WithLastAxis } from './layers/types.js'
export { Functional, type FunctionalOptions, model } from './models/functional.js'
export type { GradientModel } from './models/gradientModel.js'
export type { BackwardResult, InputGradients, OutputGradients, ValueAndGradients } from './models/gradientTypes.js'
export type {
  GraphData,
  GraphInput,
  GraphOutput,
  GraphOutputs,
  OutputList,
  PredictedArrays,
  PredictedInto,
  Predictions,
  Tensors,
} from './models/graphTypes.js'
export type {
  GraphCompileOptions,
  GraphKeys,
  GraphLosses,
  GraphMetrics,
  LossOf,
  MetricsOfOne,
  PerClassOf,
} from './models/headTypes.js'
export type { LoadOptions } from './models/load.js'
export type { AnyModel, Model } from './models/model.js'
export type { ModelBase } from './models/modelBase.js'
export { Sequential, sequential } from './models/sequential.js'
export type {
  BaseCompileOptions,
  CompileOptions,
  ModelOptions,
  PlainFitOptions,
  Prediction,
  SequentialOptions,
  ValidatedFitOptions,
} from './models/sequentialOptions.js'
export type { ModelSummary, SummaryOptions, SummaryOutput, SummaryRow } from './models/summary.js'
export type { History, InputShapeOf, MetricKeys, OutputShapeOf, PerClassResults, Results } from './models/types.js'
export type { DeviceInfo } from './native/addon.js'
export type { PlanConstraint, PlanInitializer, PlanLayer, PlanOp, Precision } from './native/plan.js'
export type { LoadWeightsOptions, SaveWeightsOptions } from './persistence/weightsFile.js'
export * from './preprocessing/public.js'
export type {
  IntegerOptions,
  NormalDomainOptions,
  RangeOptions,
  SearchDomain,
  UniformOptions,
} from './search/domains.js'
export { type FixedValue, type SearchSpace, search, type Trial } from './search/search.js'
export type {
  Cell,
  Column,
  ColumnType,
  NumberColumn,
  TableRecord,
  TextColumn,
} from './tables/column.js'
export { type ColumnValues, type TableOptions, table } from './tables/inMemory.js'
export { type OpenTableOptions, openTable, type TableSource } from './tables/openTable.js'
export { type ReadTableOptions, readTable } from './tables/readTable.js'
export type { SplitOptions } from './tables/split.js'
export type { RowNumbers, Table, TableOrigin } from './tables/table.js'
export { type WriteTableOptions, writeTable } from './tables/writeTable.js'
export * from './tabular/public.js'
export type { Callback, Hook } from './training/callbacks.js'
export type { CapturedBatch, MetricState } from './training/captured.js'
export type {
  CallbackState,
  Logs,
  NoLogs,
  Position,
  StopReason,
  TrainedModel,
  TrainingContext,
} from './training/context.js'
export type { CustomMetricOptions } from './training/customMetric.js'
export type { CustomLosses, CustomMetrics } from './training/customParts.js'
export { type LossName, losses } from './training/losses.js'
export type {
  BinaryFocalOptions,
  CategoricalFocalOptions,
  CrossentropyOptions,
  CustomLossOptions,
  CustomLossResult,
  GeneralizedCrossEntropyOptions,
  HuberOptions,
  Loss,
  LossOptions,
  Reduction,
  SmoothedCrossentropyOptions,
  SparseCrossentropyOptions,
} from './training/lossOptions.js'
export {
  type AucOptions,
  type ConstraintOptions,
  type CountOptions,
  type FBetaMetricOptions,
  type MetricFactory,
  type MetricKey,
  type MetricLike,
  type MetricName,
  metrics,
  type R2MetricOptions,
} from './training/metrics.js'
export type { Metric } from './training/metricTable.js'
export {
  type AdadeltaOptions,
  type AdagradOptions,
  type AdamOptions,
  type FtrlOptions,
  type LazyAdamOptions,
  type LearningRate,
  type LionOptions,
  type MomentsOptions,
  type Optimizer,
  type OptimizerName,
  type OptimizerOptions,
  optimizers,
  type RmspropOptions,
  RowOptimizer,
  Sgd,
  type SgdOptions,
} from './training/optimizers.js'
export {
  type CosineDecayOptions,
  type CosineRestartsOptions,
  type DecayOptions,
  type OneCycleOptions,
  type PiecewiseConstantOptions,
  type PolynomialDecayOptions,
  type Schedule,
  type ScheduleOption,
  schedules,
} from './training/schedules.js'
export type { UpdateOptions, UpdateSettings } from './training/updates.js'

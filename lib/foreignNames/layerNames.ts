/** Names of layers, callbacks and members of objects in other frameworks. */

import { is, no, type Rows } from './rows.js'

const rowsOnly = 'layers compute on rows of numbers, and an image is a row of pixels'
const before = 'sound becomes numbers before training, and preprocessing layers are called one after the other'
const oneByOne = 'layers compute each position of a row independently, or a row as a whole'

export const layerRows: Rows = [
  ['linear lazylinear fullyconnected', is('layers.dense({ units })')],
  ['inputlayer', is('layers.input({ shape })')],
  ['unflatten', is('layers.reshape({ targetShape })')],
  ['batchnorm batchnorm1d lazybatchnorm1d syncbatchnorm', is('layers.batchNormalization()')],
  ['layernorm', is('layers.layerNormalization()')],
  ['rmsnorm', is('layers.rmsNormalization()')],
  ['groupnorm instancenorm* lazyinstancenorm*', is('layers.groupNormalization({ groups })')],
  ['thresholdedrelu', is('layers.reLU({ threshold })')],
  ['featurealphadropout', is('layers.alphaDropout({ rate })')],
  [
    'sigmoid tanh gelu silu swish mish selu celu relu6 hardswish hardsilu hardsigmoid hardtanh softplus softsign logsigmoid logsoftmax tanhshrink softshrink hardshrink threshold',
    is('layers.activation, with the name of the activation'),
  ],
  ['glu rrelu softmin', no('layers.activation takes the activations that activations.* lists')],
  ['conv* lazyconv* depthwiseconv* separableconv* convolution* fold unfold', no(rowsOnly)],
  [
    'adaptive*pool* average*pool* avgpool* avgpooling* max*pool* maxpooling* global*pool* lppool* fractionalmaxpool* cropping* upsampl* upsample* spatialdropout* dropout1d dropout2d dropout3d batchnorm2d batchnorm3d lazybatchnorm* *pad1d *pad2d *pad3d zeropadding* pixelshuffle pixelunshuffle channelshuffle localresponsenorm softmax2d crossmaplrn2d',
    no(`it is used with convolutions; ${rowsOnly}`),
  ],
  [
    '*lstm* *gru gru* rnn* *rnn *rnncell *rnncells bidirectional masking',
    no('all rows have the same length, and no layer keeps a state between rows'),
  ],
  ['*attention transformer*', no(oneByOne)],
  ['timedistributed', is('the layer itself: layers.dense works on every position as it is')],
  ['bilinear merge', no('layers.add, multiply, concatenate and dot join the tensors of a graph')],
  ['gather indexselect', is('layers.take({ indices })')],
  ['cat', is('layers.concatenate()')],
  [
    'augmix autocontrast centercrop contrastlimited* cutmix equalization maxnumboundingboxes mixup rand* resizing solarization',
    no('images are prepared before training; a generator of batches can augment them'),
  ],
  ['melspectrogram pipeline stftspectrogram', no(before)],
  ['cosinesimilarity pairwisedistance', no('a layer computes on one row, not on pairs of rows')],
  ['sequential modulelist moduledict parameterlist parameterdict', is('a list of layers, which sequential takes')],
  [
    'einsumdense reversibleembedding spectralnormalization',
    no('docs/add-a-layer.md says how layers are added natively'),
  ],
  [
    'lambda layer wrapper inputspec module',
    no('layers cannot be written in JavaScript, as training runs natively from batch to batch'),
  ],
  ['flaxlayer jaxlayer tfsmlayer torchmodulewrapper', no('it is a layer of another framework')],
  ['*loss', is('among the losses: compile({ loss })')],
]

export const callbackRows: Rows = [
  ['history', is('what fit resolves to: const { history } = await model.fit(…)')],
  ['baselogger progbarlogger richprogressbar tqdmprogressbar', is('verbose and onProgress of fit')],
  ['callback lambdacallback customcallback', is('callbacks.lambda, or any object with functions such as onEpochEnd')],
  ['callbacklist', is('a list: callbacks takes one')],
  ['checkpoint', is('callbacks.modelCheckpoint')],
  ['orbaxcheckpoint', is('callbacks.modelCheckpoint or callbacks.backupAndRestore')],
  ['remotemonitor', is('fetch, in onEpochEnd')],
  [
    'swapemaweights stochasticweightaveraging',
    is('useEma of an optimizer: after a fit, the model has the averaged weights'),
  ],
  ['tensorboardlogger summarywriter', is('callbacks.tensorBoard')],
  ['wandb*', is('callbacks.dashboard; plot.history shows a training afterwards')],
  ['nan nanterminate', is('callbacks.terminateOnNaN')],
  ['lrscheduler learningratemonitor steplr', is('callbacks.learningRateScheduler, or a schedule as learningRate')],
]

/** Methods of callbacks. */
export const hookRows: Rows = [
  ['onyield', no('training runs off the JavaScript thread')],
  [
    'ontest* onpredict* onvalidation*',
    no('evaluate and predict call no callbacks; onEpochEnd gets the results of validation'),
  ],
  ['ontrainepochend onepochfinish onepochfinished', is("'onEpochEnd'")],
  ['ontrainepochstart onepochstart', is("'onEpochBegin'")],
  ['ontrainbatchstart onbatchstart onstepbegin', is("'onBatchBegin'")],
  ['onstepend onstep', is("'onBatchEnd'")],
  ['onfitstart ontrainstart', is("'onTrainBegin'")],
  ['onfitend ontrainfinish', is("'onTrainEnd'")],
]

const weights = 'getWeights(), in the order of layers'

/** Members of objects, such as `model.fitDataset`. */
export const objectRows = {
  model: [
    ['fitdataset fitgenerator', is('model.fit(batches)')],
    ['evaluatedataset evaluategenerator', is('model.evaluate(batches)')],
    ['predictgenerator', is('model.predictStream(batches)')],
    ['train trainasync', is('model.fit; dropout works in fit alone')],
    ['eval test', is('model.evaluate; predict and evaluate never apply dropout')],
    ['forward', is('model.predict')],
    ['predictclasses predictproba', is('model.predict')],
    ['trainstep', is('model.trainOnBatch, or model.valueAndGradients and model.applyGradients')],
    ['teststep', is('model.testOnBatch')],
    ['zerograd', no('model.valueAndGradients gives new gradients, which are not added up')],
    [
      'grad grads variablegrads valueandgrad valueandgrads computegradients getgradients',
      is('model.valueAndGradients'),
    ],
    ['vjp', is('model.backward')],
    [
      'parameters namedparameters trainableweights trainablevariables nontrainable* variables weights',
      is(`model.${weights}`),
    ],
    ['statedict', is('model.getWeights(), or model.saveWeights(path)')],
    ['loadstatedict', is('model.setWeights(values), or model.loadWeights(path)')],
    ['cuda', is("compile({ device: 'cuda' })")],
    ['metricsnames', is('the keys of the results of fit and evaluate')],
    ['toyaml export', is('model.save(path)')],
    ['loadmodel loadlayersmodel', is('load(path)')],
    ['resetstates resetmetrics', no('nothing has to be reset: metrics start anew in every fit and every epoch')],
    ['addloss addmetric addweight', no('compile takes the loss and the metrics')],
    ['input output', is('model.inputs and model.outputs, lists of tensors')],
    ['call', is('model.apply(tensor)')],
  ],
  layer: [
    ['weights kernel bias trainableweights nontrainableweights parameters', is(`layer.${weights}`)],
    ['statedict', is('layer.getWeights()')],
    ['call', is('layer.apply(tensor)')],
    [
      'addweight addloss addmetric',
      no('layers cannot be written in JavaScript, as training runs natively from batch to batch'),
    ],
  ],
  preprocessing: [
    ['apply', no('it computes on data, before a model gets them: layer.call(x)')],
    ['loadassets saveassets', is('config(), of which the factory makes the same layer')],
    ['finalizestate resetstate updatestate', is('layer.adapt, which learns anew from all data')],
    ['computeoutputshape', is('the shape of what call(x) gives')],
    ['bincounts counts', no('the words are in getVocabulary(), the most frequent first')],
  ],
  optimizer: [
    ['lr', is('optimizer.learningRate')],
    ['getlearningrate setlearningrate paramgroups', is('optimizer.learningRate, which can be set')],
    ['step zerograd minimize applygradients', no('fit and trainOnBatch compute gradients and update weights')],
    ['iterations', is('model.position.step')],
    ['statedict variables', is('in the file that model.save writes')],
  ],
} as const satisfies Record<string, Rows>

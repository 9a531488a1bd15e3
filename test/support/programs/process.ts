/** A process that trains and ends in the way its argument names. */

import { classifier, clouds, slowClassifier } from '../problems.js'

const mode = process.argv[2]

switch (mode) {
  case 'done': {
    const { x, y } = clouds(300)
    using model = classifier({ threads: 3 })
    await model.fit(x, y, { epochs: 3, verbose: 0 })
    console.log('started')
    break
  }
  case 'undisposed': {
    const { x, y } = clouds(300)
    const models = [1, 2, 3].map((threads) => classifier({ threads }))
    await Promise.all(models.map((model) => model.fit(x, y, { epochs: 3, verbose: 0 })))
    console.log('started')
    break
  }
  case 'exit-callback': {
    const { x, y } = clouds(300)
    const onBatchEnd = () => {
      console.log('started')
      process.exit(5)
    }
    await classifier({ threads: 2 }).fit(x, y, { verbose: 0, callbacks: [{ onBatchEnd }] })
    break
  }
  default: {
    const { model, x, y } = slowClassifier()
    const predicting = mode === 'exit-predict'
    const work = predicting
      ? Promise.all(Array.from({ length: 40 }, () => model.predict(x)))
      : model.fit(x, y, { epochs: 1000, verbose: 0 })
    console.log('started')
    setTimeout(() => {
      if (mode === 'throw') throw new Error('on purpose')
      process.exit(predicting ? 4 : 3)
    }, 50)
    await work
  }
}

// A plugin of TypeDoc: the members that layers inherit from Layer, and models from GradientModel, are described there only, not again
// with each layer and each kind of model.

import { Converter, ReflectionKind } from 'typedoc'

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    const classes = project.getReflectionsByKind(ReflectionKind.Class)
    for (const name of ['Layer', 'GradientModel']) {
      const base = classes.find((found) => found.name === name)
      const described = new Set(
        base.children.filter(({ inheritedFrom }) => !inheritedFrom).map((member) => member.name),
      )
      for (const { children = [] } of classes.filter((found) => found !== base)) {
        for (const member of children.filter((each) => each.inheritedFrom && described.has(each.name))) {
          project.removeReflection(member)
        }
      }
    }
  })
}

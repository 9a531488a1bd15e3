// A plugin of TypeDoc: the members that layers inherit from Layer are described there only, not again with each layer.

import { Converter, ReflectionKind } from 'typedoc'

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    const classes = project.getReflectionsByKind(ReflectionKind.Class)
    const layer = classes.find(({ name }) => name === 'Layer')
    const described = new Set(layer.children.map(({ name }) => name))
    for (const { children = [] } of classes.filter((found) => found !== layer)) {
      for (const member of children.filter(({ name, inheritedFrom }) => inheritedFrom && described.has(name))) {
        project.removeReflection(member)
      }
    }
  })
}

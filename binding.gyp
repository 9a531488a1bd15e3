# For tools that ask for gyp: cmake-js builds, this copies. Not packed.
{
  'targets': [
    {
      'target_name': 'neurode',
      'type': 'none',
      'actions': [
        {
          'action_name': 'cmake_js',
          'inputs': ['CMakeLists.txt'],
          # The first is never made, so that CMake is always asked what is out of date.
          'outputs': ['build/gyp/never-made', 'build/gyp/Release/neurode.node'],
          'action': ['node', 'node_modules/cmake-js/bin/cmake-js', 'build', '--out', 'build/gyp', '--arch', '<(target_arch)'],
        },
      ],
      'copies': [
        {
          'destination': '<(PRODUCT_DIR)',
          'files': ['build/gyp/Release/neurode.node'],
        },
      ],
    },
  ],
}

export { type CommandResult, findProgram, run, runOrThrow } from './command.ts'
export { aptLine, HYPERVISOR, installPackages, installProblem, missingPackages, type Need } from './packages.ts'
export { libvirtProblem, libvirtUri, type PrivateLibvirtd, startPrivateLibvirtd } from './private-libvirtd.ts'
export { makeScratchDirectory } from './scratch.ts'

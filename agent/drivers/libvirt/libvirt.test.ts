import { startLibvirtDriverLab } from '../../../test/support/libvirt-driver.ts'
import { has } from '../../../test/support/requirements.ts'
import { driverConformance } from '../conformance.ts'
import { CAPABILITIES } from '../lacking.ts'

const LACKING = ['liveMigrate']
const capabilities = CAPABILITIES.filter((capability) => !LACKING.includes(capability))

if (has('libvirt', 'qemu-img')) driverConformance('libvirt', startLibvirtDriverLab, capabilities)

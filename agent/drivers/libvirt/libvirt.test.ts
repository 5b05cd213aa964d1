import { startLibvirtDriverLab } from '../../../test/support/libvirt-driver.ts'
import { has } from '../../../test/support/requirements.ts'
import { driverConformance } from '../conformance.ts'

if (has('libvirt', 'qemu-img')) driverConformance('libvirt', startLibvirtDriverLab, [
  'pause', 'suspend', 'rebuild', 'rescue', 'snapshot', 'changePassword', 'crashDump', 'diagnostics', 'migrate',
])

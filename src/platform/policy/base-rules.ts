import type { RuleDefaults } from './policy.ts'

/** The personas on which Nova builds its rules, and two older ones that operators' files still refer to. */
export const baseRules = {
  context_is_admin: { check: 'role:admin', description: 'Decides what is_admin:True means.' },
  admin_or_owner: {
    check: 'is_admin:True or project_id:%(project_id)s',
    description: 'Former default of most rules of a project.',
  },
  admin_api: { check: 'is_admin:True', description: 'Default of administrative rules.' },
  project_manager_api: {
    check: 'role:manager and project_id:%(project_id)s',
    description: 'A manager of the project that owns the resource.',
  },
  project_member_api: {
    check: 'role:member and project_id:%(project_id)s',
    description: 'A member of the project that owns the resource.',
  },
  project_reader_api: {
    check: 'role:reader and project_id:%(project_id)s',
    description: 'A reader of the project that owns the resource.',
  },
  project_manager_or_admin: {
    check: 'rule:project_manager_api or rule:context_is_admin',
    description: 'A manager of the project, or an administrator.',
  },
  project_member_or_admin: {
    check: 'rule:project_member_api or rule:context_is_admin',
    description: 'A member of the project, or an administrator.',
  },
  project_reader_or_admin: {
    check: 'rule:project_reader_api or rule:context_is_admin',
    description: 'A reader of the project, or an administrator.',
  },
  service_api: { check: 'role:service', description: 'Another service of the cloud.' },
  service_or_admin: {
    check: 'rule:service_api or rule:context_is_admin',
    description: 'Another service of the cloud, or an administrator.',
  },
} satisfies RuleDefaults

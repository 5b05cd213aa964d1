-- When the host sent its last word on the guest's power state; a word that was sent earlier comes too late.
alter table servers add column power_reported_at timestamptz;

-- Ids of certificates that may have signed the image, as the request gave them.
alter table servers add column trusted_image_certificates text[];

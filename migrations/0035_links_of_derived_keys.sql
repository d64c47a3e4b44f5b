-- What signs links to files and to people's own pages lay here in the open, and went along with every copy of the database. It follows
-- from the installation's own key now, which a master key wraps. Links that were written before lead nowhere.
alter table tenants drop column link_key;

-- Content-addressed blobs; the bytes lie in <data dir>/blobs/<algorithm>/<hex>.
CREATE TABLE blobs (
  digest TEXT PRIMARY KEY,
  size_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Image manifests whose blobs are all here. `config` is the image's config blob, as JSON.
CREATE TABLE manifests (
  digest TEXT PRIMARY KEY REFERENCES blobs (digest),
  media_type TEXT NOT NULL,
  config TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a manifest needs: the edges that garbage collection follows.
CREATE TABLE manifest_blobs (
  manifest_digest TEXT NOT NULL REFERENCES manifests (digest) ON DELETE CASCADE,
  -- 0 is the config; 1, 2, … are the layers, lowest first.
  position INTEGER NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('config', 'layer')),
  media_type TEXT NOT NULL,
  blob_digest TEXT NOT NULL REFERENCES blobs (digest),
  -- Digest of the uncompressed layer, under which it is unpacked; absent for the config.
  diff_id TEXT,
  PRIMARY KEY (manifest_digest, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_blobs_by_blob ON manifest_blobs (blob_digest);
CREATE INDEX manifest_blobs_by_diff_id ON manifest_blobs (diff_id) WHERE diff_id IS NOT NULL;

-- Layers unpacked under <data dir>/layers/<algorithm>/<hex>.
CREATE TABLE layers (
  diff_id TEXT PRIMARY KEY,
  size_bytes INTEGER NOT NULL,
  entry_count INTEGER NOT NULL,
  unpacked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE image_repositories (
  workspace_id TEXT NOT NULL,
  name TEXT NOT NULL,
  is_public INTEGER NOT NULL DEFAULT 0 CHECK (is_public IN (0, 1)),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, name)
) STRICT, WITHOUT ROWID;
-- A public name has one owner. The reserved workspaces are addressed by prefix.
CREATE UNIQUE INDEX image_repositories_public ON image_repositories (name)
  WHERE is_public = 1 AND workspace_id NOT IN ('tensorlake', 'blaxel');

-- One registration of a manifest under a name. It stays reachable by id when its name moves on.
CREATE TABLE images (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  repository TEXT NOT NULL,
  manifest_digest TEXT NOT NULL REFERENCES manifests (digest),
  -- What the image was made from, for people; and what it stands in for, with the reason.
  base TEXT,
  substituted_for TEXT,
  substitution_reason TEXT,
  created_at INTEGER NOT NULL,
  FOREIGN KEY (workspace_id, repository) REFERENCES image_repositories (workspace_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX images_by_manifest ON images (manifest_digest);

CREATE TABLE image_tags (
  workspace_id TEXT NOT NULL,
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images (id),
  moved_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, repository, tag),
  FOREIGN KEY (workspace_id, repository) REFERENCES image_repositories (workspace_id, name)
) STRICT, WITHOUT ROWID;

-- Who else needs a manifest (a sandbox, a snapshot …): written in the transaction that claims it.
CREATE TABLE image_references (
  holder_kind TEXT NOT NULL,
  holder_id TEXT NOT NULL,
  manifest_digest TEXT NOT NULL REFERENCES manifests (digest),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (holder_kind, holder_id, manifest_digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_references_by_manifest ON image_references (manifest_digest);

-- Blobs of an import, push or build in flight that no manifest names yet. They end with the process.
CREATE TABLE blob_leases (
  lease_id TEXT NOT NULL,
  blob_digest TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (lease_id, blob_digest)
) STRICT, WITHOUT ROWID;

-- Everything that repositories hold under a digest: images, indexes and artifacts. The bytes lie with the blobs;
-- `manifests` has what can run among them.
CREATE TABLE registry_manifests (
  digest TEXT PRIMARY KEY REFERENCES blobs (digest),
  media_type TEXT NOT NULL,
  artifact_type TEXT,
  -- What a signature or an attestation speaks of. It may be absent here.
  subject_digest TEXT,
  -- JSON object.
  annotations TEXT,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX registry_manifests_by_subject ON registry_manifests (subject_digest) WHERE subject_digest IS NOT NULL;
INSERT INTO registry_manifests SELECT digest, media_type, NULL, NULL, NULL, created_at FROM manifests;

-- What a manifest cannot do without: the edges that garbage collection follows.
CREATE TABLE registry_edges (
  manifest_digest TEXT NOT NULL REFERENCES registry_manifests (digest) ON DELETE CASCADE,
  target_digest TEXT NOT NULL REFERENCES blobs (digest),
  PRIMARY KEY (manifest_digest, target_digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX registry_edges_by_target ON registry_edges (target_digest);
INSERT OR IGNORE INTO registry_edges SELECT manifest_digest, blob_digest FROM manifest_blobs;

-- Which repository a manifest may be read from, with or without a tag.
CREATE TABLE repository_manifests (
  workspace_id TEXT NOT NULL,
  repository TEXT NOT NULL,
  digest TEXT NOT NULL REFERENCES registry_manifests (digest),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, repository, digest),
  FOREIGN KEY (workspace_id, repository) REFERENCES image_repositories (workspace_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_manifests_by_digest ON repository_manifests (digest);
INSERT INTO repository_manifests
  SELECT workspace_id, repository, manifest_digest, min(created_at) FROM images GROUP BY 1, 2, 3;

-- Blobs that were uploaded to or mounted in a repository; those of its manifests belong to it anyway.
CREATE TABLE repository_blobs (
  workspace_id TEXT NOT NULL,
  repository TEXT NOT NULL,
  digest TEXT NOT NULL REFERENCES blobs (digest),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blobs_by_digest ON repository_blobs (digest);

-- A tag names a manifest of any kind, and an image where sandboxes can start from it.
CREATE TABLE tags (
  workspace_id TEXT NOT NULL,
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  digest TEXT NOT NULL REFERENCES registry_manifests (digest),
  image_id TEXT REFERENCES images (id),
  moved_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, repository, tag),
  FOREIGN KEY (workspace_id, repository) REFERENCES image_repositories (workspace_id, name)
) STRICT, WITHOUT ROWID;
INSERT INTO tags SELECT t.workspace_id, t.repository, t.tag, i.manifest_digest, t.image_id, t.moved_at
  FROM image_tags t JOIN images i ON i.id = t.image_id;
DROP TABLE image_tags;
ALTER TABLE tags RENAME TO image_tags;
CREATE INDEX image_tags_by_digest ON image_tags (digest);
CREATE INDEX image_tags_by_image ON image_tags (image_id);

-- When the last tag left an image; it stays reachable by id until it is pruned.
ALTER TABLE images ADD COLUMN untagged_at INTEGER;

-- Which blobs were seen to unpack to which layer. A config may claim any diff id, also that of a layer whose
-- content its author has never had.
CREATE TABLE layer_sources (
  diff_id TEXT NOT NULL,
  blob_digest TEXT NOT NULL,
  PRIMARY KEY (diff_id, blob_digest)
) STRICT, WITHOUT ROWID;
INSERT INTO layer_sources SELECT DISTINCT diff_id, blob_digest FROM manifest_blobs
  WHERE diff_id IN (SELECT diff_id FROM layers);

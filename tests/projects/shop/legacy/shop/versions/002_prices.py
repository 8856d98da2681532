def upgrade(migrate_engine):
    migrate_engine.execute("ALTER TABLE items ADD COLUMN price INTEGER")

def upgrade(migrate_engine):
    migrate_engine.execute("ALTER TABLE reviews ADD COLUMN stars INTEGER")

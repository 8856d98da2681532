def upgrade(migrate_engine):
    migrate_engine.execute("CREATE TABLE reviews (id INTEGER PRIMARY KEY, item_id INTEGER)")

def upgrade(migrate_engine):
    print("A script's own words.")
    migrate_engine.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(40))")

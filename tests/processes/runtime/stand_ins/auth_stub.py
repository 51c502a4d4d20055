from stand_in import run

run("AUTH", "SHOP_AUTH_PORT")

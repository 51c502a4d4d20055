from stand_in import run

run("ORDERS", "SHOP_ORDERS_PORT")

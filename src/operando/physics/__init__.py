"""Laws and tables that simulations and agents both stand on."""

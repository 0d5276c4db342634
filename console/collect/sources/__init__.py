"""One file a source; ``console.collect.scheduler`` names them."""

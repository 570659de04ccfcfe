import Commands

await Strongroom.start()

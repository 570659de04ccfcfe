import Commands

await Strongroom.main()

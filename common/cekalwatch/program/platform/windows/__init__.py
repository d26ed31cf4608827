"""What only Windows has, by pywin32, which is installed there only; the modules beside this folder use it."""

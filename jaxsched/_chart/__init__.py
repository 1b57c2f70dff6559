"""What every picture needs: axes, thinned curves, small inline SVG."""

//! Figures as PNG: the SVG drawn with a font of its own, so that every machine draws the same.
//!
//! Only with the cargo feature `png-figures`: its libraries cost a fresh build two minutes of
//! processor time.

use resvg::{tiny_skia, usvg};

/// Pixels of the image for a pixel of the figure.
const ZOOM: f32 = 2.0;

/// What draws figures.
pub struct Drawer(usvg::Options<'static>);

impl Default for Drawer {
    fn default() -> Self {
        let mut options = usvg::Options::default();
        let fonts = options.fontdb_mut();
        for font in [dejavu::sans::regular(), dejavu::sans::bold()] {
            fonts.load_font_data(font.to_vec());
        }
        // A family that is not here is drawn with the one for serifs.
        fonts.set_sans_serif_family("DejaVu Sans");
        fonts.set_serif_family("DejaVu Sans");
        options.font_family = "DejaVu Sans".to_owned();
        Self(options)
    }
}

impl Drawer {
    /// The image of a figure.
    ///
    /// Errors: it is no SVG, or too large to be drawn.
    pub fn png(&self, svg: &str) -> Result<Vec<u8>, String> {
        let tree = usvg::Tree::from_str(svg, &self.0).map_err(|error| error.to_string())?;
        let size = tree.size().to_int_size().scale_by(ZOOM).ok_or("the figure has no size")?;
        let mut image = tiny_skia::Pixmap::new(size.width(), size.height())
            .ok_or("the figure is too large for an image")?;
        let zoom = tiny_skia::Transform::from_scale(ZOOM, ZOOM);
        resvg::render(&tree, zoom, &mut image.as_mut());
        image.encode_png().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_drawn_with_its_words() {
        let svg = |words: &str| {
            format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"80\" height=\"20\" font-family=\"Helvetica\" \
                 font-size=\"12\"><text x=\"2\" y=\"14\">{words}</text></svg>"
            )
        };
        let drawer = Drawer::default();
        let images = ["", "AUC", "AUD"].map(|words| drawer.png(&svg(words)).unwrap());
        assert!(images[0] != images[1] && images[1] != images[2]);
        let header = png::Decoder::new(std::io::Cursor::new(&images[1])).read_info().unwrap();
        assert_eq!((header.info().width, header.info().height), (160, 40));
        assert!(drawer.png("no figure").is_err());
    }
}

use super::*;

const NORM: NormSettings = NormSettings { epsilon: 1e-3, follow: 0.01 };

#[test]
fn shapes_and_weights_are_counted() {
    let mut builder = Builder::new(NORM);
    let x = builder.input(Shape { height: 5, width: 8, channels: 3 });
    let x = builder.conv("a", x, 4, [3, 3], [2, 2], Padding::Same, false);
    let y = builder.norm("b", x, Activation::Relu);
    let z = builder.depthwise("c", y, [3, 3], [1, 1], Padding::Same);
    let sum = builder.add("d", y, z);
    let mean = builder.global_mean("e", sum);
    builder.dense("f", mean, 2, true);
    let graph = builder.finish();
    assert_eq!(graph.nodes[1].shape, Shape { height: 3, width: 4, channels: 4 });
    assert_eq!(graph.output(), Shape::vector(2));
    let names: Vec<&str> = graph.weights.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["a.kernel", "b.gamma", "b.beta", "c.kernel", "f.kernel", "f.bias"]);
    assert_eq!((graph.weight_count(), graph.statistic_count()), (108 + 8 + 36 + 8 + 2, 8));
    assert_eq!(graph.nodes[graph.find("f").unwrap()].weights, 4..6);
    let Op::Conv { window, .. } = graph.nodes[1].op else { panic!() };
    // 5 rows with stride 2: one more above and one below. 8 columns: one more at the end.
    assert_eq!((window.output, window.pad), ([3, 4], [1, 0]));
}

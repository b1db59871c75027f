//! A network with its numbers: the graph, and weights and running statistics by name.

use std::sync::Arc;

use super::graph::{Graph, Node, Op, Part, Start};
use super::kernel::Activation;

/// A network for training and inference.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub graph: Arc<Graph>,
    /// One slice of numbers; [`Graph::weights`] says which part belongs to which node.
    pub weights: Vec<f32>,
    /// The running means and variances, stored the same way.
    pub statistics: Vec<f32>,
}

impl Network {
    /// A network before training. `uniform` draws from [0, 1), weight by weight in the order of the
    /// graph.
    pub fn new(graph: Graph, uniform: &mut dyn FnMut() -> f64) -> Self {
        let mut fill = |parts: &[Part]| -> Vec<f32> {
            let begin = |part: &Part| -> Vec<f32> {
                match part.start {
                    Start::Constant(value) => vec![value; part.range.len()],
                    Start::Uniform(limit) => part
                        .range
                        .clone()
                        .map(|_| (limit * (2.0 * uniform() - 1.0)) as f32)
                        .collect(),
                }
            };
            parts.iter().flat_map(begin).collect()
        };
        let (weights, statistics) = (fill(&graph.weights), fill(&graph.statistics));
        Self { graph: Arc::new(graph), weights, statistics }
    }

    /// Reads a network's numbers by name: `find` returns the values of a part with the given shape.
    pub fn read<E>(
        graph: Graph,
        mut find: impl FnMut(&Part) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let mut read = |parts: &[Part]| -> Result<Vec<f32>, E> {
            let values: Result<Vec<Vec<f32>>, E> = parts.iter().map(&mut find).collect();
            Ok(values?.concat())
        };
        let (weights, statistics) = (read(&graph.weights)?, read(&graph.statistics)?);
        Ok(Self { graph: Arc::new(graph), weights, statistics })
    }

    /// The network up to `node`, which becomes its output.
    pub fn until(&self, node: usize) -> Self {
        let graph = self.graph.until(node);
        let weights = self.weights[..graph.weight_count()].to_vec();
        let statistics = self.statistics[..graph.statistic_count()].to_vec();
        Self { graph: Arc::new(graph), weights, statistics }
    }

    /// The network without the activation after its last normalisation.
    pub fn linear_end(mut self) -> Self {
        if let Some(Node { op: Op::Norm { activation, .. }, .. }) =
            Arc::make_mut(&mut self.graph).nodes.last_mut()
        {
            *activation = Activation::Identity;
        }
        self
    }

    /// Every array with its name and shape.
    pub fn parts(&self) -> impl Iterator<Item = (&Part, &[f32])> {
        let weights =
            self.graph.weights.iter().map(|part| (part, &self.weights[part.range.clone()]));
        weights.chain(
            self.graph.statistics.iter().map(|part| (part, &self.statistics[part.range.clone()])),
        )
    }

    /// The values of the weight with this name.
    pub fn weight_mut(&mut self, name: &str) -> Option<&mut [f32]> {
        let range = self.graph.weights.iter().find(|part| part.name == name)?.range.clone();
        Some(&mut self.weights[range])
    }

    /// The values of the running statistic with this name.
    pub fn statistic_mut(&mut self, name: &str) -> Option<&mut [f32]> {
        let range = self.graph.statistics.iter().find(|part| part.name == name)?.range.clone();
        Some(&mut self.statistics[range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::draws;
    use crate::nn::graph::{Builder, NormSettings, Shape};

    fn graph() -> Graph {
        let mut builder = Builder::new(NormSettings { epsilon: 1e-3, follow: 0.01 });
        let x = builder.input(Shape::vector(40));
        let x = builder.dense("hidden", x, 80, true);
        let x = builder.norm("norm", x, Activation::Relu);
        builder.dense("output", x, 40, true);
        builder.finish()
    }

    #[test]
    fn glorot_keeps_its_limits_and_fills_them() {
        let network = Network::new(graph(), &mut draws(0.5));
        let (limit, kernel) = ((6.0f32 / 120.0).sqrt(), &network.weights[..3200]);
        assert!(kernel.iter().all(|w| w.abs() <= limit));
        let variance = kernel.iter().map(|w| w * w).sum::<f32>() / 3200.0;
        assert!((variance / (limit * limit / 3.0) - 1.0).abs() < 0.1, "{variance}");
        assert!(network.weights[3200..3280].iter().all(|b| *b == 0.0));
        assert_eq!(network.statistics, [vec![0.0; 80], vec![1.0; 80]].concat());
    }

    #[test]
    fn what_is_written_by_name_is_read_by_name() {
        let network = Network::new(graph(), &mut draws(0.2));
        let parts: Vec<(String, Vec<f32>)> =
            network.parts().map(|(part, values)| (part.name.clone(), values.to_vec())).collect();
        let find = |part: &Part| {
            parts
                .iter()
                .find(|(name, _)| *name == part.name)
                .map(|(_, values)| values.clone())
                .ok_or(())
        };
        assert_eq!(Network::read(graph(), find).unwrap(), network);
        assert!(
            Network::read(graph(), |part| if part.name == "norm.beta" {
                Err(())
            } else {
                find(part)
            })
            .is_err()
        );
    }
}
